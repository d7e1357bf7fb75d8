#include "addon-manager/config_hashes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hawser::addon_manager {
namespace {

using nlohmann::json;
using ::testing::MatchesRegex;

const json kConfig = json::parse(R"({
  "apiVersion": "v1", "kind": "K", "metadata": {"name": "mine", "resourceVersion": "1"},
  "spec": {"a": 1}, "status": {"x": 1}})");

json Reference(const std::string& name) {
  return {{"group", "addon.example"},
          {"resource", "configs"},
          {"desiredConfig", {{"namespace", "ns"}, {"name", name}, {"specHash", ""}}}};
}

kube::ObjectPtr Find(const ConfigId& id) {
  if (id == ConfigId{"configs.addon.example", "ns", "mine"})
    return std::make_shared<const json>(kConfig);
  return nullptr;
}

std::string HashIn(const json& reference) { return reference["desiredConfig"]["specHash"]; }

TEST(SpecHashTest, IsOfTheContentOnly) {
  EXPECT_THAT(SpecHash(kConfig), MatchesRegex("[0-9a-f]{64}"));
  json other = kConfig;
  other["metadata"]["resourceVersion"] = "2";
  other["status"] = nullptr;
  EXPECT_EQ(SpecHash(other), SpecHash(kConfig));
  other["spec"]["a"] = 2;
  EXPECT_NE(SpecHash(other), SpecHash(kConfig));
  other = kConfig;
  other["data"] = {{"a", 1}};
  EXPECT_NE(SpecHash(other), SpecHash(kConfig)) << "a ConfigMap has no spec";
}

TEST(ConfigIdTest, BothFormsNameTheSame) {
  const ConfigId id{"configs.addon.example", "ns", "mine"};
  EXPECT_EQ(DesiredConfig(Reference("mine")), id);
  EXPECT_EQ(NamedConfig({{"group", "addon.example"},
                         {"resource", "configs"},
                         {"namespace", "ns"},
                         {"name", "mine"}}),
            id);
  EXPECT_EQ(id.Text(), "configs.addon.example/ns/mine");
  EXPECT_EQ(DesiredConfig({{"resource", "configmaps"}}).resource, "configmaps") << "core group";
}

TEST(ConfigHashesTest, OfAClusterManagementAddonAreFilledInEverywhere) {
  const json status = {
      {"defaultconfigReferences", {Reference("mine"), Reference("missing")}},
      {"installProgressions", {{{"name", "p"}, {"configReferences", {Reference("mine")}}}}},
      {"other", 1}};
  const json filled = WithConfigHashes(status, &Find);
  EXPECT_EQ(HashIn(filled["defaultconfigReferences"][0]), SpecHash(kConfig));
  EXPECT_EQ(HashIn(filled["defaultconfigReferences"][1]), "");
  EXPECT_EQ(HashIn(filled["installProgressions"][0]["configReferences"][0]), SpecHash(kConfig));
  EXPECT_EQ(filled["other"], 1);
}

TEST(ConfigHashesTest, OddStatusesStayAsTheyAre) {
  for (const char* text :
       {"null", "7", "[]", R"({"defaultconfigReferences": 1})",
        R"({"defaultconfigReferences": [1, {"desiredConfig": []}], "installProgressions": [2]})"}) {
    const json status = json::parse(text);
    EXPECT_EQ(WithConfigHashes(status, &Find), status) << text;
    EXPECT_EQ(WithOwnHashes(status, status, &Find), status) << text;
  }
}

TEST(ConfigHashesTest, TheAnnotationListsThemByName) {
  json known = Reference("mine");
  known["desiredConfig"]["specHash"] = "h";
  const json references = {known, Reference("other"), {{"group", "no desired one"}}};
  EXPECT_EQ(json::parse(ConfigHashAnnotation(references)),
            (json{{"configs.addon.example/ns/mine", "h"}, {"configs.addon.example/ns/other", ""}}));
  EXPECT_EQ(ConfigHashAnnotation(json()), "{}");
}

}  // namespace
}  // namespace hawser::addon_manager
