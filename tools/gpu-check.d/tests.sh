# tests.sh: sourced: which tests run on the device: those that hand no host memory to kernels.
# shellcheck disable=SC2034
on_device="golden_cache golden_study forward tape_grad tape stepped exp_train exp_audit property_engines property_own
	property_batch property_order property_parameters property_whole property_activation property_estimate"
in_rounds="exp_train property_engines property_own property_batch" # those that PB_TEST_FEW shortens
