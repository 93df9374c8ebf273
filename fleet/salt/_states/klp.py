# SPDX-License-Identifier: GPL-2.0-only
"""Kernel live patches, by klpctl.

``installed`` installs a patch and loads it, and takes it back when that fails. ``healthy`` fails unless all that is
installed for the running kernel is applied. ``absent`` uninstalls a patch and unloads it.

The minion's configuration may name the program (``klp.klpctl``).
"""

import json
from pathlib import Path

# Of klpctl: a transition runs.
IN_TRANSITION = 3


def __virtual__():
    return "klp"


def _klpctl(*arguments):
    """Runs klpctl."""
    program = __salt__["config.get"]("klp.klpctl", "/usr/sbin/klpctl")  # noqa: F821
    return __salt__["cmd.run_all"]([program, *arguments], python_shell=False, ignore_retcode=True)  # noqa: F821


def _said(answer):
    return (answer["stderr"] or answer["stdout"]).strip()


def _json(*arguments):
    """What klpctl prints, and an error instead when it fails."""
    answer = _klpctl("--json", *arguments)
    try:
        value = json.loads(answer["stdout"])
    except ValueError:
        return None, f"klpctl {arguments[0]}: {_said(answer)}"
    if answer["retcode"] not in (0, IN_TRANSITION):
        return None, f"klpctl {arguments[0]}: {value.get('message', 'it failed')}"
    return value, None


def _result(name, result, comment, changes=None):
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}


def installed(name, replace=False, timeout="60s"):
    """Installs the patch in the file ``name``, and loads it when it was built for the running kernel.

    replace
        Whether it takes the place of all patches that are installed for its kernel.
    timeout
        The longest that its transition may take.
    """
    file = Path(name)
    if __opts__["test"] and not file.exists():  # noqa: F821
        return _result(name, None, "it would be installed", {name: {"old": None, "new": "installed"}})
    info, error = _json("info", name)
    status, error = (None, error) if error else _json("status")
    if error:
        return _result(name, False, error)
    patch = info["info"]["name"]
    release = info["info"]["vermagic"].split()[0]
    here = release == status["kernel"]
    others = status["installed"]["other_kernels"].get(release, [])
    installed_here = {it["name"]: it for it in status["installed"]["patches"]}
    states = {name: it["state"] for name, it in installed_here.items()} if here else dict.fromkeys(others)
    if states.get(patch) == "held":
        # Installing it anew would load it again.
        return _result(name, False, f"{patch} is held out: the machine went down with it. `klpctl boot --retry {patch}`")
    # What was installed: klpctl keeps it without compression, so its own file cannot be compared.
    mark = file.with_name(file.name + ".installed")
    is_there = patch in states
    # klpctl keeps the version before a newer one for some time, without loading it.
    series = info["info"].get("series")
    is_older = here and series and (installed_here.get(patch, {}).get("superseded_by") or "").startswith(f"{series}_")
    if is_there and not is_older and mark.exists() and mark.read_bytes() == file.read_bytes():
        return _result(name, True, f"{patch} is installed for kernel {release}")
    changes = {patch: {"old": "another file" if is_there else None, "new": f"installed for {release}"}}
    if __opts__["test"]:  # noqa: F821
        return _result(name, None, f"{patch} would be installed for kernel {release}", changes)
    options = ["--now"] if here else []
    options += ["--replace"] if replace else []
    answer = _klpctl("install", *options, "--timeout", timeout, name)
    if answer["retcode"] == 0:
        mark.write_bytes(file.read_bytes())
        return _result(name, True, f"{patch} was installed for kernel {release}", changes)
    comment = _said(answer)
    if not is_there:
        # One that stalled would be loaded at the next boot.
        back = _klpctl("uninstall", "--missing-ok", "--kernel", release, patch)
        comment += "\nIt was uninstalled" if back["retcode"] == 0 else f"\nIt is installed: {_said(back)}"
    return _result(name, False, comment)


def healthy(name):
    """Fails unless no transition runs, and all that is installed for the running kernel is applied."""
    status, error = _json("status")
    if error:
        return _result(name, False, error)
    wrong = [f"{it['name']} is {it['state']}" for it in status["patches"] if it["state"] != "applied"]
    wrong += [
        f"{it['name']} is installed, and {it['state']}"
        for it in status["installed"]["patches"]
        if it["state"] not in ("loaded", "on-trial", "superseded")
    ]
    if wrong and __opts__["test"]:  # noqa: F821
        return _result(name, None, ", ".join(wrong))
    return _result(name, not wrong, ", ".join(wrong) or "all live patches are applied")


def absent(name, timeout="60s"):
    """Uninstalls the patch ``name`` in all its versions, and unloads it. The name may be without a version."""
    status, error = _json("status")
    if error:
        return _result(name, False, error)
    names = [it["name"] for it in status["patches"] + status["installed"]["patches"]]
    names += [patch for patches in status["installed"]["other_kernels"].values() for patch in patches]
    patch = name.replace("-", "_")
    # A version of it begins so. klpctl knows which patch that is.
    if not any(it == patch or it.startswith(f"{patch}_") for it in names):
        return _result(name, True, f"there is no {patch}")
    changes = {patch: {"old": "present", "new": None}}
    if __opts__["test"]:  # noqa: F821
        return _result(name, None, f"{patch} would be uninstalled", changes)
    answer = _klpctl("uninstall", "--now", "--missing-ok", "--all-versions", "--timeout", timeout, patch)
    if answer["retcode"] != 0:
        return _result(name, False, _said(answer))
    if not answer["stderr"].strip():
        return _result(name, True, f"there is no {patch}")
    return _result(name, True, f"{patch} was uninstalled", changes)
