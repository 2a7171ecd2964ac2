from benchmarks.tf_data import stop_autotuning

stop_autotuning()
