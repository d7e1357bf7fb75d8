# Every target is one line to a script or to Bazel; `make help` lists them.
.DEFAULT_GOAL := help

.PHONY: help demo build test interop balancer exact asan tsan fuzz lint tidy fmt images bench bench-addons e2e

help:  ## this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 19

demo:  ## the main job, shown in seven steps (STAY=1 leaves it running)
	@tools/setup.sh demo && tools/build.sh demo && e2e/demo/run.sh

build:  ## optimised binaries: bazel-bin/{hub,spoke,addon-manager,cli}
	@tools/setup.sh build && tools/build.sh build

test:  ## everything that must pass: build, tests, sanitizers, interoperability, lint, demo
	@tools/setup.sh test && tools/test.sh

interop:  ## client x server x agent: ours, Konnectivity's own, peers on grpc-go
	@tools/setup.sh interop && tools/build.sh interop && e2e/konnectivity/run.sh

balancer:  ## minutes of broken balancers, networks and hubs, and how soon agents are back
	@tools/setup.sh balancer && tools/build.sh balancer && e2e/balancer/run.sh --fault 180 --rounds 3

exact:  ## thousands of random connections: each is byte-exact or reset (EXACT=--seed=S repeats them)
	@tools/setup.sh exact && tools/build.sh exact && e2e/exact/run.sh --cases=4000 $(EXACT)

asan:  ## all tests with AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/setup.sh asan && tools/bazel.sh test --config=asan //...

tsan:  ## the tests of what runs in several threads, with ThreadSanitizer
	@tools/setup.sh tsan && tools/bazel.sh test --config=tsan --build_tests_only //...

fuzz:  ## every fuzz target for FUZZ_SECONDS (60) with libFuzzer
	@tools/setup.sh fuzz && tools/fuzz.sh

lint:  ## format, shell scripts, file lengths, forbidden words
	@tools/setup.sh lint && tools/lint.sh

tidy:  ## clang-tidy over all C++ files, or FILES="a.cc b.cc"
	@tools/setup.sh tidy && tools/tidy.sh $(FILES)

fmt:  ## formats C++ and Go sources in place
	@tools/setup.sh fmt && tools/fmt.sh

images:  ## OCI archives of what runs in clusters and of the CLI, in out/images
	@tools/setup.sh images && tools/build.sh images && tools/images.sh

bench:  ## ours against haproxy and stunnel, on one machine and over long links; floors and goals
	@tools/setup.sh bench && tools/build.sh bench && bench/all.sh

bench-addons:  ## addon-manager with 1,000 clusters in a real kube-apiserver
	@tools/setup.sh bench-addons && tools/build.sh bench-addons && e2e/kubernetes/apiserver.sh run \
	  bench/addons.py bazel-bin/addon-manager/addon-manager "$$(e2e/kubernetes/build.sh ocm files)/files/crds/hub"

e2e:  ## on real Kubernetes and Open Cluster Management (E2E=--short: no pods, no root)
	@tools/setup.sh e2e && tools/build.sh e2e && e2e/kubernetes/run.sh $(E2E)
