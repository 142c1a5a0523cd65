"""The ground: files, seeds, waveforms, checkpoint readers. No config, no stage."""
