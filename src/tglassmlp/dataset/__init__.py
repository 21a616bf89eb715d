"""A data set of structures and propensities that grows: files, reader, plan and generator, card."""
