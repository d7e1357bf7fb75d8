#include "lib/kube/kubeconfig.h"

#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::kube {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

// One cluster with the given extra lines, one user with others.
std::string Text(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
         "contexts:\n- name: here\n  context: {cluster: c, user: u, namespace: ns}\n"
         "- name: nobody\n  context: {cluster: c}\n"
         "- name: lost\n  context: {cluster: gone, user: u}\n"
         "clusters:\n- name: c\n  cluster:\n    server: https://k8s.example:6443\n" +
         cluster + "users:\n- name: u\n  user:\n" + user;
}

std::string Server(const std::string& url) {
  return "current-context: x\ncontexts: [{name: x, context: {cluster: x}}]\n"
         "clusters: [{name: x, cluster: {server: " +
         url + "}}]\n";
}

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(Kubeconfig, ReadsACertificateUser) {
  const auto kubeconfig = ParseKubeconfig(
      Text("    certificate-authority-data: Y2E=\n    tls-server-name: kubernetes\n",
           "    client-certificate-data: Y2VydA==\n    client-key: user.key\n"),
      "config");
  ASSERT_THAT(kubeconfig, IsOk());
  EXPECT_EQ(kubeconfig->server, (ServerUrl{true, "k8s.example", 6443, ""}));
  EXPECT_EQ(kubeconfig->server_name, "kubernetes");
  EXPECT_EQ(kubeconfig->authorities.text, "ca");
  EXPECT_EQ(kubeconfig->ns, "ns");
  EXPECT_EQ(kubeconfig->client_certificate.text, "cert");
  EXPECT_EQ(kubeconfig->client_key.file, "user.key");
  EXPECT_FALSE(kubeconfig->exec.has_value());
}

TEST(Kubeconfig, ReadsTokens) {
  const auto both = ParseKubeconfig(Text("", "    token: old\n    tokenFile: /t\n"), "config");
  ASSERT_THAT(both, IsOk());
  EXPECT_EQ(both->token.file, "/t");
  EXPECT_EQ(both->token.text, "");
  const auto text = ParseKubeconfig(Text("", "    token: abc\n"), "config");
  ASSERT_THAT(text, IsOk());
  EXPECT_EQ(text->token.text, "abc");
}

TEST(Kubeconfig, ReadsCredentialPrograms) {
  const auto kubeconfig =
      ParseKubeconfig(Text("    certificate-authority-data: Y2E=\n",
                           "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n"
                           "      command: get-token\n      args: [--for, me]\n"
                           "      env: [{name: A, value: b}]\n      interactiveMode: Never\n"
                           "      provideClusterInfo: true\n"),
                      "config");
  ASSERT_THAT(kubeconfig, IsOk());
  ASSERT_TRUE(kubeconfig->exec.has_value());
  EXPECT_EQ(kubeconfig->exec->command, "get-token");
  EXPECT_EQ(kubeconfig->exec->arguments, (std::vector<std::string>{"--for", "me"}));
  EXPECT_EQ(kubeconfig->exec->environment.at(0).second, "b");
  EXPECT_EQ(StringAt(kubeconfig->exec->cluster, {"server"}), "https://k8s.example:6443");
  EXPECT_EQ(StringAt(kubeconfig->exec->cluster, {"certificate-authority-data"}), "Y2E=");
}

TEST(Kubeconfig, ChoosesTheContext) {
  const std::string text = Text("", "    token: abc\n");
  const auto nobody = ParseKubeconfig(text, "config", "nobody");
  ASSERT_THAT(nobody, IsOk());
  EXPECT_EQ(nobody->token.text, "");
  EXPECT_THAT(ParseKubeconfig(text, "config", "other"),
              StatusIs(kInvalid, HasSubstr("context \"other\" is not in contexts")));
  EXPECT_THAT(ParseKubeconfig(text, "config", "lost"),
              StatusIs(kInvalid, HasSubstr("cluster \"gone\" is not in clusters")));
}

TEST(Kubeconfig, ErrorsNameFileAndField) {
  const std::pair<std::string, const char*> cases[] = {
      {"[]", "kubeconfig: want a map"},
      {"", "kubeconfig: want a map"},
      {"a: b", "current-context: missing"},
      {"current-context: [x]", "current-context: want text"},
      {Text("    certificate-authority-data: '*'\n", ""), "certificate-authority-data: not base64"},
      {Text("    proxy-url: http://p\n", ""), "proxy-url: proxies are not supported"},
      {Text("    insecure-skip-tls-verify: true\n", ""), "insecure-skip-tls-verify: not supported"},
      {Server("ftp://x"), "server: server \"ftp://x\": want https"},
      {Server("''"), "server: missing"},
      {Server("http://10.0.0.1"), "plain http is for loopback addresses only"},
      {Text("", "    username: x\n"), "username: basic authentication"},
      {Text("", "    auth-provider: {name: gcp}\n"), "auth-provider: not supported: use exec"},
      {Text("", "    as: admin\n"), "as: impersonation is not supported"},
      {Text("", "    client-key-data: Y2E=\n"), "only one of client-certificate and client-key"},
      {Text("", "    token: x\n    exec: {}\n"), "exec: there are other credentials"},
      {Text("", "    exec: []\n"), "exec: want a map"},
      {Text("", "    exec: {command: x}\n"), "exec: apiVersion: want"},
      {Text("", "    exec: {apiVersion: client.authentication.k8s.io/v1}\n"), "command: missing"},
      {Text("",
            "    exec: {apiVersion: client.authentication.k8s.io/v1, command: x, "
            "args: y}\n"),
       "exec: args: want a list"},
      {Text("",
            "    exec: {apiVersion: client.authentication.k8s.io/v1, command: x, "
            "env: [{name: 'a=b', value: c}]}\n"),
       "env: name \"a=b\" is not allowed"},
      {Text("",
            "    exec: {apiVersion: client.authentication.k8s.io/v1, command: x, "
            "interactiveMode: Always}\n"),
       "interactiveMode: a program that asks"},
      {"a: [", "line "},
  };
  for (const auto& [text, error] : cases)
    EXPECT_THAT(ParseKubeconfig(text, "/k/config"),
                StatusIs(kInvalid, AllOf(HasSubstr("/k/config"), HasSubstr(error))))
        << text;
}

TEST(Kubeconfig, ErrorsKeepSecrets) {
  const auto error =
      ParseKubeconfig(Text("", "    token: s3cret\n    exec: {}\n"), "config").status();
  EXPECT_THAT(std::string(error.message()), ::testing::Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace hawser::kube
