// The part of check_plans that needs no execution: do the plans' tables make sense and agree?
#pragma once

#include <span>
#include <string>

#include "collectives/planner.hpp"

namespace coll {

// "" or what is wrong.
std::string check_shape(std::span<const Plan> plans, const PlanQuery& query);

// Elements of a rank's input and output buffer.
size_t input_elements(const Plan& plan, const PlanQuery& query);
size_t output_elements(const Plan& plan, const PlanQuery& query);

}  // namespace coll
