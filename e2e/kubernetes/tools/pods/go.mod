module hawser.example/e2e/kubernetes/tools/pods

go 1.24

tool (
	hawser.example/e2e/kubernetes/tools/pods
)
