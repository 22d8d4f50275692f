#include "cli/command.h"
namespace longshot {
int RunDemo(std::span<const std::string>) { return 0; }
}  // namespace longshot
