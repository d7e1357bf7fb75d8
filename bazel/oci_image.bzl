"""OCI image archives, without a container engine."""

def oci_image(name, programs, description):
    """<name>.tar: an OCI archive with `programs` in / and the libraries that they need.

    <name>_test unpacks it, checks its digests and runs every program inside it.
    """
    command = ("python3 $(execpath //images:oci_image.py) --status bazel-out/stable-status.txt " +
               "--name {} --label 'org.opencontainers.image.description={}' " +
               "--output $@ {} >/dev/null")
    locations = " ".join(["$(execpath %s)" % program for program in programs])
    native.genrule(
        name = name,
        srcs = programs,
        outs = [name + ".tar"],
        cmd = command.format(name, description, locations),
        stamp = True,
        tools = ["//images:oci_image.py"],
    )
    native.sh_test(
        name = name + "_test",
        size = "small",
        srcs = ["//images:image_test.sh"],
        args = ["$(rootpath :%s)" % name],
        data = [":" + name],
        tags = ["as-shipped"],
    )
