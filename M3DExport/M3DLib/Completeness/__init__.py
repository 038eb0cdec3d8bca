"""What the scan shows of a model's material and the model lacks, or the other way round: measured, not judged."""
