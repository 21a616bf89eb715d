"""tGlassMLP: model, losses, two-step training, selection, prediction, baselines."""
