#!/usr/bin/env python3
"""Runs the cases beside this file: small servers whose right verdicts are known, see README.md.

usage: cases_test.py PROGRAM [--times N] [--busy N] [--kind KIND] [CASE...]

PROGRAM is shutdown-repro. Each case is run N times (1), with so many busy loops beside it (0). One line a situation says what was
right or wrong. The exit status is 0 when all were right, 1 when one was not, 77 when none could be run on this machine."""
import argparse, json, os, shutil, subprocess, sys, tempfile
from pathlib import Path

here = Path(__file__).resolve().parent
statuses = {"clean": 0, "violated": 1, "inconclusive": 3}

# What a case says in words is a probe of ours, by the kind of the case, or by its name where one kind has several.
probe_of = {
    "client-shape-kept-after-answer": "kept",
    "client-shape-told-to-close": "kept",
    "client-shape-overlap-ends": "overlap",
    "client-shape-overlap-never-ends": "overlap",
    "unix": "in-flight",
    "upload": "upload",
    "startup": "startup",
    "effect": "answered",
    "drain-delay": "drain-delay",
    "reload": "traffic",
    "recycle": "traffic",
    "upgrade": "traffic",
    "successor": "traffic",
}


def missing(case):
    """Why the case can't be run here; "" when it can."""
    if case.get("root") and os.geteuid():
        return "needs root"
    program = case.get("build", case)["command"][0]
    if not shutil.which(program):
        return f"{program} is not installed"
    if case["needs"]["debian"] == ["python3-aiohttp"] and subprocess.run(["/usr/bin/python3", "-c", "import aiohttp"], capture_output=True).returncode:
        return "python3-aiohttp is not installed"
    if not case.get("build") and not shutil.which(case["command"][0]):
        return f"{case['command'][0]} is not installed"
    if (least := case["needs"].get("node")) and node_version() < least:
        return f"needs Node {least}: before, a server that closes leaves idle connections open"
    return ""


def node_version():
    return int(subprocess.run(["node", "--version"], capture_output=True, text=True).stdout[1:].split(".")[0])


def request(path):
    """A path of a target: the word alone where it is a GET."""
    return path["path"] if path.get("method", "GET") == "GET" else {k: v for k, v in path.items()}


def target_of(case, folder, act):
    """The target file of a case. `folder` holds its sources, compiled where it says how."""
    words = [w.replace("{dir}", str(folder)) for w in case["command"]]
    target = {"format": "shutdown-repro/target", "version": "1.0", "name": case["name"], "grace_ms": case["grace_ms"]}
    if act.get("to") == "pid1":  # the namespace is the product's to make
        words = words[next(i for i, w in enumerate(words) if i and not w.startswith("-")):]
        target["pid1"] = True
    target["command"] = words
    target["stop"] = {"signal": act.get("then", act).get("signal", "SIGTERM") if act["do"] in ("stop", "successor") else "SIGTERM"}
    if act["do"] != "stop":
        target["act"] = {"do": act["do"], **({"signal": act["signal"]} if "signal" in act else {}), **act.get("after", {})}
    if "unix" in case["listen"]:
        target["unix"] = case["listen"]["unix"]
    if act.get("to") in ("group", "all"):
        target["signal_to"] = act["to"]
    ready = {k: v for k, v in case.get("ready", {}).items() if k in ("log", "http", "workers", "tcp", "within_ms")}
    if ready:
        target["ready"] = ready
    for ours, theirs in (("path", "fast"), ("slow", "slow"), ("stream", "stream"), ("upload", "upload"), ("large", "large")):
        if theirs in case["paths"]:
            target[ours] = request(case["paths"][theirs])
    if "when" in act:  # the line of its log at which the stop comes
        target["startup"] = act["when"]
    if "files" in case:
        target["files"] = case["files"]
    if "exit" in case:
        target["exit"] = [0, *case["exit"]]
    if "effects" in case:
        target["effects"] = [{k: e[k] for k in ("file", "has") if k in e} for e in case["effects"]]
    if "serves_ms" in case:
        target["accepts_for_ms"] = case["serves_ms"]
    return target


def probe(case, situation):
    return situation["probe"] or probe_of.get(case["name"]) or probe_of.get(case["kind"])


def judge(program, case, situation, folder):
    """What was wrong with the verdict; "" when it was right."""
    act = situation.get("act", case["act"])
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / "target.json"
        file.write_text(json.dumps(target_of(case, folder, act), indent=2))
        words = [program, "run", "--target", str(file), "--probe", probe(case, situation), "--json"]
        if situation.get("clients"):
            words += ["--connections", str(situation["clients"])]
        done = subprocess.run(words, cwd=work, capture_output=True, text=True, timeout=240)
    try:
        verdict = json.loads(done.stdout)
        rules = {v["rule"] for v in verdict["violations"]}
        reasons = "; ".join(why for p in verdict["probes"] for why in p.get("problems", [p.get("skipped", "")]) if why)
    except (ValueError, KeyError):
        rules, reasons = set(), done.stdout[-2000:]
    wrong = []
    if done.returncode != statuses[situation["verdict"]]:
        wrong.append(f"status {done.returncode}, right is {situation['verdict']}")
    wrong += [f"not found: {m['rule']}" for m in situation["must"] if not rules & {m["rule"], *m.get("or", [])}]
    wrong += [f"must not be: {rule}" for rule in situation["must_not"] if rule in rules]
    if wrong and rules:
        wrong.append("found: " + ", ".join(sorted(rules)))
    if not wrong:
        return ""
    return "\n    ".join(text for text in ("; ".join(wrong), reasons, done.stderr[-2000:].rstrip()) if text)


def run(program, case, times):
    """The numbers of situations that were right, and that were wrong."""
    right = wrong = 0
    with tempfile.TemporaryDirectory() as copy:
        folder = Path(copy) / case["name"]
        shutil.copytree(here / case["name"], folder)
        if "build" in case:
            subprocess.run(case["build"]["command"], cwd=folder, check=True)
        for situation in case["right"] * times:
            if not probe(case, situation):
                print(f"left out  {case['name']}  no probe has such clients: {situation['situation']}", flush=True)
                continue
            why = judge(program, case, situation, folder)
            right, wrong = right + (not why), wrong + bool(why)
            print(f"{'WRONG' if why else 'right'}  {case['name']}  {probe(case, situation)}  {why}", flush=True)
    return right, wrong


def main():
    options = argparse.ArgumentParser()
    options.add_argument("program")
    options.add_argument("--times", type=int, default=1)
    options.add_argument("--busy", type=int, default=0)
    options.add_argument("--kind")
    options.add_argument("cases", nargs="*")
    o = options.parse_args()
    o.program = str(Path(o.program).resolve())
    names = o.cases or sorted(f.parent.name for f in here.glob(f"{o.kind + '-' if o.kind else ''}*/case.json"))
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(o.busy)]
    right = wrong = skipped = 0
    try:
        for name in names:
            case = json.loads((here / name / "case.json").read_text())
            why = missing(case)
            if why:
                print(f"skipped  {name}  {why}", flush=True)
                skipped += 1
                continue
            r, w = run(o.program, case, o.times)
            right, wrong = right + r, wrong + w
    finally:
        for b in busy:
            b.kill()
    print(f"{right} right, {wrong} wrong, {skipped} cases skipped")
    return 1 if wrong else 0 if right else 77


if __name__ == "__main__":
    sys.exit(main())
