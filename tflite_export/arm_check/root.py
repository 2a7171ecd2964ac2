"""A folder with an ARM64 Python and LiteRT in it, to be run by qemu.

`python -m tflite_export.arm_check.root FOLDER`, on Debian or Ubuntu. Needs no
root access and leaves the system's own packages alone.
"""

import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

from keras_slr_base.work_folder import work_folder

PACKAGES = ("python3-minimal", "libpython3-stdlib", "libstdc++6", "libatomic1")
# The C libraries that wheels are built for, oldest first; all run on Debian 12.
PLATFORMS = ("2_17", "2_27", "2_28")
# Without this, LiteRT reads the CPU features of the host, finds no ARM
# processor and crashes.
CPU = """processor\t: 0
BogoMIPS\t: 100.00
Features\t: fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0b
CPU revision\t: 0

"""


def make_root(folder):
    """Fetches the packages and wheels into a folder, in one step.

    The LiteRT version is the one installed here.

    Args:
        folder: Path that does not exist yet.

    Raises:
        FileExistsError: If it exists.
        RuntimeError: If a program is missing, or a download fails.
    """
    folder = pathlib.Path(folder).absolute()
    if folder.exists():
        raise FileExistsError(
            f"Expected a folder to make, received {folder}, which exists: "
            "remove it first."
        )
    with work_folder(folder.parent) as tmp:
        made = tmp / "made"
        _unpack_system(tmp / "apt", made)
        _pretend(made)
        _unpack_wheels(tmp / "wheels", made)
        os.replace(made, folder)


def python_of(root):
    """Returns the path of the ARM64 Python in a folder."""
    found = sorted(pathlib.Path(root).glob("usr/bin/python3.*"))
    if not found or shutil.which("qemu-aarch64") is None:
        missing = "no `qemu-aarch64`" if found else f"none in {root}"
        raise RuntimeError(
            f"Expected an ARM64 system to emulate, received {missing}: "
            "install `qemu-user`, and run `python -m "
            f"tflite_export.arm_check.root {root}`."
        )
    return found[0]


def site_of(root):
    """Returns the path of the ARM64 wheels in a folder."""
    return pathlib.Path(root) / "site"


def _unpack_system(apt, made):
    for part in ("state/lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True)
    (apt / "status").touch()
    # A separate database, so that nothing counts as installed.
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Debug::NoLocking": "true",
    }
    options = [f"-o{key}={value}" for key, value in settings.items()]
    _run("apt-get", *options, "update")
    _run("apt-get", *options, "install", "--download-only", "-y", *PACKAGES)
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        _run("dpkg-deb", "-x", package, made)


def _pretend(made):
    (made / "proc").mkdir(exist_ok=True)
    (made / "proc/cpuinfo").write_text(CPU)
    cpus = made / "sys/devices/system/cpu"
    cpus.mkdir(parents=True)
    for name in ("possible", "present"):
        (cpus / name).write_text("0\n")


def _unpack_wheels(wheels, made):
    version = python_of(made).name.removeprefix("python")
    litert = importlib.metadata.version("ai-edge-litert")
    _run(
        *(sys.executable, "-m", "pip", "download", "--no-deps"),
        *("--only-binary=:all:", f"--python-version={version}"),
        *(f"--platform=manylinux_{p}_aarch64" for p in PLATFORMS),
        *(f"--dest={wheels}", f"ai-edge-litert=={litert}", "numpy"),
    )
    for wheel in wheels.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(site_of(made))


def _run(*command):
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise RuntimeError(
            f"Expected `{command[0]}`, received a system without it: use "
            "Debian or Ubuntu."
        ) from error
    if done.returncode:
        reason = (done.stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeError(
            f"Expected `{command[0]}` to fetch ARM64 packages, received "
            f"{reason!r}: check the network and the package sources."
        )


if __name__ == "__main__":
    try:
        make_root(*sys.argv[1:])
    except (OSError, RuntimeError) as error:
        sys.exit(str(error))
