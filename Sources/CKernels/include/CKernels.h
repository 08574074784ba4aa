// Loops over bytes and rows in instructions that only some machines have; see cpu.h for how each is chosen.
#pragma once
#include "box_filter.h"
#include "points.h"
#include "sort_keys.h"
#include "structural.h"
