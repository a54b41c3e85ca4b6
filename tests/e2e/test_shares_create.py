# SPDX-License-Identifier: ISC
"""create: yes makes a user's directory where only root can, and never where somebody else could exchange it."""

import os
import stat
import tempfile

import yaml

from conftest import SYSTEM_GROUPS, SYSTEM_UID, SYSTEM_USER, eventually, needs_root, serving


@needs_root
def test_missing_directories_are_made_for_their_user():
    with tempfile.TemporaryDirectory(prefix="coffer-create-") as tmp:
        os.chmod(tmp, 0o755)
        free = os.path.join(tmp, "free")
        os.mkdir(free)
        os.chmod(free, 0o1777)
        extra = os.path.join(tmp, "extra.yaml")
        with open(extra, "w", encoding="ascii") as f:
            yaml.safe_dump({"shares": {
                "mine": {"path": tmp + "/data/%u/in", "create": True, "dir-mode": "0750", "rights": "read-write"},
                "group": {"path": tmp + "/groups/all", "create": True, "dir-mode": "0770", "force-group": "coffered",
                          "rights": "read-write"},
                "free": {"path": free + "/made/in", "create": True, "rights": "read-write"},
                "other": {"path": tmp + "/none/%u", "create": True, "users": ["somebody-else"]},
                "not": {"path": tmp + "/not/%u"}}}, f)
        with serving("--mode", "root", "--user", SYSTEM_USER, "--dir", os.path.join(tmp, "server"), "--config", extra,
                     "--pam", "coffer", "--password", "Wm7-gold-otter") as s:
            c = s.ftp()
            with c.transfercmd("STOR /mine/a") as data:
                data.sendall(b"a")
                data.unwrap()
            c.voidresp()
            c.quit()
            eventually(lambda: not s.sessions(), 15, "end of sessions")
            assert "share-made: " in s.log()

        def seen(path):
            st = os.stat(os.path.join(tmp, path))
            return st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)

        assert seen("data") == (0, 0, 0o755) and seen("data/" + SYSTEM_USER) == (0, 0, 0o755)
        assert seen("data/%s/in" % SYSTEM_USER) == (SYSTEM_UID, SYSTEM_UID, 0o750)
        assert seen("groups/all") == (SYSTEM_UID, SYSTEM_GROUPS["coffered"], 0o770)
        # Where everybody may write, root makes nothing: the user did.
        assert seen("free/made") == (SYSTEM_UID, SYSTEM_UID, 0o755)
        assert not os.path.exists(os.path.join(tmp, "none")) and not os.path.exists(os.path.join(tmp, "not"))
