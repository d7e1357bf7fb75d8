// hawser.proto must stay a superset of konnectivity.proto: same messages, same fields at the same
// numbers with the same types, and nothing of ours below 64.
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <map>
#include <string>

namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;

FileDescriptorProto Load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  FileDescriptorSet set;
  EXPECT_TRUE(set.ParseFromIstream(&in)) << path;
  return set.file_size() == 1 ? set.file(0) : FileDescriptorProto();
}

// connectID and connect_id are the same field.
std::string Normal(const std::string& name) {
  std::string normal;
  for (const char c : name)
    if (c != '_') normal += static_cast<char>(std::tolower(c));
  return normal;
}

std::string Unqualified(const std::string& type) { return type.substr(type.rfind('.') + 1); }

std::map<std::string, const DescriptorProto*> Messages(const FileDescriptorProto& file) {
  std::map<std::string, const DescriptorProto*> messages;
  for (const DescriptorProto& message : file.message_type()) messages[message.name()] = &message;
  return messages;
}

TEST(WireContract, EveryKonnectivityFieldIsOursToo) {
  const FileDescriptorProto konnectivity = Load("proto/konnectivity.descriptor");
  const FileDescriptorProto hawser = Load("proto/hawser.descriptor");
  const auto ours = Messages(hawser);
  ASSERT_GE(konnectivity.message_type_size(), 8);
  for (const DescriptorProto& message : konnectivity.message_type()) {
    ASSERT_TRUE(ours.contains(message.name())) << message.name();
    std::map<int, const FieldDescriptorProto*> fields;
    for (const auto& field : ours.at(message.name())->field()) fields[field.number()] = &field;
    for (const FieldDescriptorProto& theirs : message.field()) {
      const std::string where = message.name() + "." + theirs.name();
      ASSERT_TRUE(fields.contains(theirs.number())) << where;
      const FieldDescriptorProto& field = *fields.at(theirs.number());
      EXPECT_EQ(Normal(field.name()), Normal(theirs.name())) << where;
      EXPECT_EQ(field.type(), theirs.type()) << where;
      EXPECT_EQ(Unqualified(field.type_name()), Unqualified(theirs.type_name())) << where;
      fields.erase(theirs.number());
    }
    for (const auto& [number, field] : fields)
      EXPECT_GE(number, 64) << "ours: " << message.name() << "." << field->name();
  }
}

TEST(WireContract, PacketTypesAgree) {
  const FileDescriptorProto konnectivity = Load("proto/konnectivity.descriptor");
  const FileDescriptorProto hawser = Load("proto/hawser.descriptor");
  std::map<int, std::string> theirs;
  for (const auto& value : konnectivity.enum_type(0).value()) theirs[value.number()] = value.name();
  ASSERT_EQ(theirs.size(), 7u);
  for (const auto& value : hawser.enum_type(0).value()) {
    if (theirs.contains(value.number())) {
      EXPECT_EQ(value.name(), theirs.at(value.number()));
    } else {
      EXPECT_GE(value.number(), 64) << value.name();
    }
  }
}

}  // namespace
