"""The native engine: replicas as SIMD lanes on the CPU, in whole numbers."""
