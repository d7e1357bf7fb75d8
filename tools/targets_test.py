#!/usr/bin/env python3
"""Whether each make target installs what it compiles and runs, without a fresh machine.

For each row of tools/targets.sh: what Bazel builds for it holds no test unless the group `test` is
installed, and every package with a header, a library or a program that it uses is installed by its
groups: named there, needed by one that is, or on every Debian.
"""

import os
import sys
import unittest

import build_needs
import debian

TARGETS = build_needs.targets()
# What e2e/kubernetes runs only with pods, which `make test` does without.
FOR_PODS = {"conntrack", "containerd"}


def faults(target):
    """What is wrong with one row, a line each."""
    provided = debian.closure(target.packages)
    found = []
    if "test" not in target.groups:
        found += [f"{rule} is for tests only" for rule in build_needs.test_rules(target)]
    for need, users in sorted(build_needs.needs(target).items()):
        owners = debian.owners(need)
        without_pods = target.name == "test" and owners & FOR_PODS
        if owners and not owners & provided and not without_pods:
            found.append(f"{need}, used by {users}, is in {min(owners)}")
        elif not owners and not os.path.exists(need) and "include" not in need:
            found.append(f"{need}, used by {users}, is nowhere on this machine")
    return found


class TargetsTest(unittest.TestCase):
    def test_makefile_has_the_same_targets(self):
        self.assertEqual(build_needs.makefile_recipes().keys() - {"help"}, TARGETS.keys())

    def test_recipes_prepare_and_build_their_own_row(self):
        for name, recipe in build_needs.makefile_recipes().items():
            if name == "help":
                continue
            self.assertIn(f"@tools/setup.sh {name} ", recipe, name)
            if "tools/build.sh" in recipe:
                self.assertIn(f" tools/build.sh {name}", recipe)
            self.assertNotIn("bazel.sh build", recipe, name)

    def test_each_target_installs_what_it_uses(self):
        for name, target in TARGETS.items():
            with self.subTest(target=name):
                self.assertEqual(faults(target), [])

    def test_a_test_among_programs_is_found(self):
        build = TARGETS["build"]
        found = faults(build.with_builds(build.builds + ["//examples/..."]))
        self.assertIn("//examples:http_response_test is for tests only", found)
        self.assertTrue(any("gmock/gmock.h" in fault and "libgmock-dev" in fault
                            for fault in found), found)

    def test_missing_packages_are_found(self):
        for package, need in (("libcli11-dev", "CLI/CLI.hpp"), ("libyaml-cpp-dev", "yaml-cpp"),
                              ("protobuf-compiler-grpc", "grpc_cpp_plugin"),
                              ("nlohmann-json3-dev", "nlohmann/json.hpp")):
            build = TARGETS["build"]
            found = faults(build.with_packages(set(build.packages) - {package}))
            self.assertTrue(any(need in fault for fault in found), f"{package}: {found}")
        for name, package, need in (("demo", "iproute2", "/ip,"), ("demo", "curl", "/curl,"),
                                    ("lint", "shellcheck", "/shellcheck,"),
                                    ("bench", "haproxy", "/haproxy,"),
                                    ("test", "nftables", "/nft,"),
                                    ("test", "python3-yaml", "yaml")):
            target = TARGETS[name]
            if not debian.is_installed(package):
                continue
            found = faults(target.with_packages(set(target.packages) - {package}))
            self.assertTrue(any(need in fault for fault in found), f"{package}: {found}")


if __name__ == "__main__":
    for absent in sorted({package for target in TARGETS.values() for package in target.packages
                          if not debian.is_installed(package)}):
        print(f"not installed here, so nobody knows what is in it: {absent}", file=sys.stderr)
    unittest.main()
