#!/bin/sh
# Build facts for `--version`; run by Bazel (--workspace_status_command).
echo "STABLE_HAWSER_VERSION $(cat VERSION 2>/dev/null || echo 0.0.0)"
echo "STABLE_HAWSER_COMMIT $(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)"
