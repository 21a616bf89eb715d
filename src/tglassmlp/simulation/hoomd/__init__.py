"""HOOMD-blue as an engine: replicas as planes of one simulation, on CPU or GPU."""
