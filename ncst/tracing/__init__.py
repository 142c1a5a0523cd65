"""From manifests to scores: front-ends, models, objectives, training."""
