"""Fuzz targets that are also regression tests."""

def fuzz_target(name, srcs, corpus, deps = []):
    """A libFuzzer target and a test that replays its corpus.

    `srcs` define LLVMFuzzerTestOneInput(const uint8_t*, size_t). Every file of
    `corpus` is one input.

    <name>_corpus_test runs the empty input and the corpus once, in every configuration.
    <name> is the fuzzer itself; it needs --config=fuzz (clang) and is therefore tagged manual.
    `make fuzz` finds all of them by the tag "fuzz".
    """
    native.cc_library(
        name = name + "_lib",
        testonly = True,
        srcs = srcs,
        deps = deps,
        alwayslink = True,
    )
    native.cc_test(
        name = name + "_corpus_test",
        size = "small",
        args = ["$(rootpath %s)" % file for file in corpus],
        data = corpus,
        deps = [
            ":" + name + "_lib",
            "//bazel:fuzz_replay_main",
        ],
    )
    native.cc_binary(
        name = name,
        testonly = True,
        linkopts = [
            "-fsanitize=fuzzer",
            # Bazel links with `clang`, which leaves out the C++ half of UBSan's runtime.
            "-fsanitize-link-c++-runtime",
            # gold prints hundreds of warnings about the sanitizer's symbols.
            "-fuse-ld=bfd",
        ],
        # Of gold's, which Bazel found on this machine.
        features = ["-supports_start_end_lib"],
        tags = [
            "fuzz",
            "manual",
        ],
        deps = [":" + name + "_lib"],
    )
