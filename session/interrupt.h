#pragma once

namespace longshot {

/// From now on Ctrl-C (SIGINT) asks the work to end cleanly; a second one ends the process at once with
/// status 130.
void CatchInterrupt();

/// Ctrl-C was pressed.
bool Interrupted();

inline constexpr int kInterruptedStatus = 130;  ///< what shells report for SIGINT

}  // namespace longshot
