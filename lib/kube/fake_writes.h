// What the API server makes of a write, for the fake one. Pure.
#pragma once

#include <map>
#include <string>

#include "lib/kube/object.h"

namespace hawser::kube {

// What a manager owns of an object that it applies, by JSON pointer: every value but what
// identifies the object. A list is one value.
std::map<std::string, Object> OwnedFields(const Object& applied);
// The object after `next` was written: writes of the main resource leave the status alone, and the
// other way around; some of the metadata is the server's own.
Object ObjectAfterWrite(const std::string& subresource, const Object& before, const Object& next);
bool HasFinalizers(const Object& object);

}  // namespace hawser::kube
