"""From scores to metrics: detectors, open-set figures, robustness, comparison."""
