#include "runtime/spec/drafter.h"

namespace longshot {

std::string_view Name(Exactness exactness) {
  switch (exactness) {
    case Exactness::kExact:
      return "exact";
    case Exactness::kDistribution:
      return "distribution";
    case Exactness::kChangesModel:
      return "changes-model";
  }
  return "?";
}

}  // namespace longshot
