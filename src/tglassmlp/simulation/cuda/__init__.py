"""Engines for graphics cards: kernels in CUDA C++, compiled at run time for a card or by g++ for the processor."""
