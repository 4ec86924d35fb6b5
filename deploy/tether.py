"""Becomes another program that does not outlive its parent.

Run as a script, by path, never imported:

    python -I -S tether.py PARENT SIGNAL UID GID PROGRAM [ARGUMENT...]

It asks the kernel to send SIGNAL when the process PARENT dies (Linux; elsewhere nothing is asked), gives up
its rights for those of UID and GID unless they are `-`, and executes PROGRAM under the same process id.
It does so between fork and exec of a program of its own because code run there inside a threaded Python
may deadlock, and after the change of user because that change clears the signal again.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    parent, death_signal, uid, gid, *argv = sys.argv[1:]
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):  # it died before the kernel was asked
        sys.exit(1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606  the arguments are our own caller's, and a shell is not wanted
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
