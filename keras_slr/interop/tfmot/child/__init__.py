"""What runs in the child process: `tf_keras` and TF-MOT."""
