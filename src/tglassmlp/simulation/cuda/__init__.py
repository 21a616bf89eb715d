"""Kernels in CUDA C++, compiled at run time for a graphics card, or by g++ for the processor."""
