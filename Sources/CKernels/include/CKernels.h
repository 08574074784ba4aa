// Loops over bytes and rows with instructions that only some machines have; cpu.h explains how each is chosen.
#pragma once
#include "box_filter.h"
#include "points.h"
#include "sort_keys.h"
#include "structural.h"
