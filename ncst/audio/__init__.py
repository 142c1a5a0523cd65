"""From source sets to shards and manifests: codecs, audio language models, perturbations."""
