"""What many devices and processes make of a run is what one device makes.

Devices are virtual ones of the CPU, in children: how many there are is settled
when a backend starts. Processes meet on the loopback address.
"""

import os
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest

BACKEND = keras.config.backend()
RIVALS = "slr_coupled,slr_paper,admm,greg_1,greg_2,gmp,iterative,one_shot"
# Entries, of which a fifth stays.
SIZES = {"a": 800, "b": 960}
# The rates of both kernels depend on their magnitudes when a run begins.
GATHERED = 2


def only_on(backend):
    return pytest.mark.skipif(backend != BACKEND, reason=f"is {backend}'s")


def train(folder, cases, methods="slr", devices=1, processes=1):
    """Runs the cases in children; returns what every process has seen.

    Returns:
        Dict of a list of dicts of arrays, one per process, by case; by method
        and case where there are several methods.
    """
    folder.mkdir()
    command = [
        sys.executable,
        "-m",
        "tests.devices.child",
        str(folder),
        methods,
        ",".join(cases),
    ]
    flag = f"--xla_force_host_platform_device_count={devices}"
    env = {**os.environ, "XLA_FLAGS": flag, "PYTHONWARNINGS": "ignore"}
    extra = [[]]
    if processes > 1:
        ports = ",".join(free_ports(processes))
        extra = [[str(i), str(processes), ports] for i in range(processes)]
    children = [subprocess.Popen(command + more, env=env) for more in extra]
    try:
        codes = [child.wait(timeout=900) for child in children]
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert codes == [0] * processes
    results = {}
    for method in methods.split(","):
        for case in cases:
            name = f"{method}_{case.replace(':', '_')}"
            results[case if methods == "slr" else (method, case)] = [
                dict(np.load(folder / f"{name}_{i}.npz"))
                for i in range(processes)
            ]
    return results


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [str(opened.getsockname()[1]) for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


def assert_same_run(runs, reference):
    """All processes of a run have come to what one device has come to."""
    for seen in runs:
        assert set(reference) - {"loss"} <= set(seen)
        zeros = 0
        for name, expected in reference.items():
            received = seen[name]
            if name.startswith("z_") or "kernel" in name:
                np.testing.assert_array_equal(
                    received == 0, expected == 0, err_msg=name
                )
            # Gradients are summed up in another order, and Adam divides them.
            if name.startswith(("z_", "lam_", "state_", "v_")):
                np.testing.assert_allclose(
                    received, expected, rtol=1e-2, atol=1e-4, err_msg=name
                )
        for name in SIZES:
            zeros += np.sum(seen[f"v_{name}/kernel"] == 0)
        assert zeros == round(0.8 * sum(SIZES.values()))
    # Every process holds the same, to the bit.
    for seen in runs[1:]:
        for name in seen:
            if name.startswith(("z_", "lam_", "state_", "v_")):
                np.testing.assert_array_equal(seen[name], runs[0][name])


def assert_sharded_alike(seen, shards):
    """`Z` and `Lam` lie where their kernel lies, and no update gathers."""
    for name, shape in shards.items():
        for part in ("w", "a", "c"):
            found = seen[f"shards_{part}_{name}"]
            assert {tuple(s) for s in found} == {shape}
        # Devices tell each other counts, never entries.
        assert "all-reduce" in str(seen[f"choose_{name}"])
        assert "all-gather" not in str(seen[f"choose_{name}"])


@only_on("jax")
def test_sharded_kernels_give_the_masks_of_one_device(tmp_path):
    cases = ["one", "model_parallel:4"]
    results = train(tmp_path / "run", cases, devices=4)
    assert_same_run(results["model_parallel:4"], results["one"][0])
    # Kernels of 20 x 40 and 40 x 24, halved over the axis of the model.
    shards = {"a": (20, 20), "b": (20, 24)}
    sharded = results["model_parallel:4"][0]
    assert_sharded_alike(sharded, shards)
    assert sharded["gathered"] == GATHERED


@only_on("jax")
@pytest.mark.slow
def test_one_two_and_four_devices_give_the_same_masks(tmp_path):
    cases = ["data_parallel:1", "data_parallel:2", "data_parallel:4"]
    results = train(tmp_path / "run", cases, devices=4)
    for case in cases[1:]:
        assert_same_run(results[case], results["data_parallel:1"][0])


@only_on("jax")
@pytest.mark.slow
def test_two_processes_of_jax(tmp_path):
    one = train(tmp_path / "one", ["one"])["one"][0]
    cases = ["data_parallel:4", "model_parallel:4"]
    results = train(tmp_path / "two", cases, devices=2, processes=2)
    for case in cases:
        assert_same_run(results[case], one)
    shards = {"a": (20, 10), "b": (10, 24)}
    for seen in results["model_parallel:4"]:
        assert_sharded_alike(seen, shards)
        # Keras cannot save what no process holds whole.
        assert "non-addressable" in str(seen["save_error"])
    assert all(s["save_error"] == "" for s in results["data_parallel:4"])


@only_on("jax")
@pytest.mark.slow
def test_every_method_on_sharded_kernels(tmp_path):
    cases = ["one", "model_parallel:4"]
    results = train(tmp_path / "run", cases, RIVALS, devices=4)
    for method in RIVALS.split(","):
        sharded = results[method, "model_parallel:4"]
        assert_same_run(sharded, results[method, "one"][0])
        # Each iteration distributes its rate anew.
        assert method == "iterative" or sharded[0]["gathered"] == GATHERED


@only_on("tensorflow")
def test_mirrored_replicas_give_the_masks_of_one_device(tmp_path):
    results = train(tmp_path / "run", ["one", "mirrored"])
    assert_same_run(results["mirrored"], results["one"][0])


@only_on("tensorflow")
@pytest.mark.slow
def test_every_method_on_mirrored_replicas(tmp_path):
    results = train(tmp_path / "run", ["one", "mirrored"], RIVALS)
    for method in RIVALS.split(","):
        assert_same_run(results[method, "mirrored"], results[method, "one"][0])


@only_on("tensorflow")
@pytest.mark.slow
def test_two_workers_of_tensorflow(tmp_path):
    one = train(tmp_path / "one", ["loop"])["loop"][0]
    cases = ["loop", "plain_fit"]
    results = train(tmp_path / "two", cases, processes=2)
    assert_same_run(results["loop"], one)
    # Each worker has seen losses of its own.
    first, second = (seen["loss"] for seen in results["loop"])
    assert np.all(first != second)
    # `fit` itself cannot: when this fails, Keras has learned it, and
    # docs/scaling.md is to say so.
    for seen in results["plain_fit"]:
        assert "PerReplica" in str(seen["error"])


@only_on("torch")
@pytest.mark.slow
def test_two_processes_of_torch(tmp_path):
    one = train(tmp_path / "one", ["loop"])["loop"][0]
    results = train(tmp_path / "two", ["loop"], processes=2)
    assert_same_run(results["loop"], one)
    first, second = (seen["loss"] for seen in results["loop"])
    assert np.all(first != second)
