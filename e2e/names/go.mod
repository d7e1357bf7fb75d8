module hawser/e2e/names

go 1.21
