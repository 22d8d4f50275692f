#pragma once

#include <memory>

#include "tasks/task.h"

namespace longshot {

/// The kinds of tasks, one function each; `task.cpp` has their table.
std::unique_ptr<Task> MakePasskey();
std::unique_ptr<Task> MakeNeedlesTask();
std::unique_ptr<Task> MakeTurns();
std::unique_ptr<Task> MakeVariables();
std::unique_ptr<Task> MakeCopying();
std::unique_ptr<Task> MakeEditing();
std::unique_ptr<Task> MakeCode();
std::unique_ptr<Task> MakeQuestions();
std::unique_ptr<Task> MakePromptFile();
std::unique_ptr<Task> MakePerplexity();

}  // namespace longshot
