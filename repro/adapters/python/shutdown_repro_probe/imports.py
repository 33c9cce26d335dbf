"""Applies the probes of a module right after the program has imported it."""
import importlib.util
import sys

_probes = {"asyncio": "loops", "uvicorn.server": "servers", "aiohttp.web_runner": "servers"}


class _Finder:
    def __init__(self):
        self._inside = set()

    def find_spec(self, name, path=None, target=None):
        if name not in _probes or name in self._inside:
            return None
        self._inside.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._inside.discard(name)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def run_and_probe(module):
            run(module)
            probes = importlib.import_module("shutdown_repro_probe." + _probes[name])
            probes.watch(name)

        spec.loader.exec_module = run_and_probe
        return spec


sys.meta_path.insert(0, _Finder())
