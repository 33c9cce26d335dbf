"""Loads the probe of shutdown-repro into a Python program whose PYTHONPATH has this folder (man 7 shutdown-repro-target).

First runs the sitecustomize that the program would load without it. Does nothing else without SHUTDOWN_REPRO_TRACE, and with
it nothing before the program imports asyncio.
"""
import importlib.machinery
import importlib.util
import os
import sys


def _run_the_one_behind():
    here = os.path.dirname(os.path.abspath(__file__))
    behind = [folder for folder in sys.path if os.path.abspath(folder or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", behind)
    if spec is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


_run_the_one_behind()
if os.environ.get("SHUTDOWN_REPRO_TRACE"):
    import shutdown_repro_probe.imports
