/// Powers of five to 128 bits, for exact decimal-to-binary conversion of coordinates.
///
/// 5^q for q in -27...22, scaled so that bit 127 is set; truncated if q >= 0 (and exact: 5^22 has 52 bits), rounded up if q <
/// 0. That range has every coordinate of up to 27 decimals; other numbers go to fast_float. Daniel Lemire, "Number Parsing at a
/// Gigabyte per Second", https://arxiv.org/abs/2101.11408
enum PowersOfFive {
    /// The exponents that the tables have.
    @inline(__always)
    static var exponents: ClosedRange<Int> { -27...22 }

    /// The upper 64 bits of 5^(index - 27).
    static let high: InlineArray<50, UInt64> = [
        0x9e74d1b7_91e07e48, 0xc6120625_76589dda, 0xf79687ae_d3eec551, 0x9abe14cd_44753b52,
        0xc16d9a00_95928a27, 0xf1c90080_baf72cb1, 0x971da050_74da7bee, 0xbce50864_92111aea,
        0xec1e4a7d_b69561a5, 0x9392ee8e_921d5d07, 0xb877aa32_36a4b449, 0xe69594be_c44de15b,
        0x901d7cf7_3ab0acd9, 0xb424dc35_095cd80f, 0xe12e1342_4bb40e13, 0x8cbccc09_6f5088cb,
        0xafebff0b_cb24aafe, 0xdbe6fece_bdedd5be, 0x89705f41_36b4a597, 0xabcc7711_8461cefc,
        0xd6bf94d5_e57a42bc, 0x8637bd05_af6c69b5, 0xa7c5ac47_1b478423, 0xd1b71758_e219652b,
        0x83126e97_8d4fdf3b, 0xa3d70a3d_70a3d70a, 0xcccccccc_cccccccc, 0x80000000_00000000,
        0xa0000000_00000000, 0xc8000000_00000000, 0xfa000000_00000000, 0x9c400000_00000000,
        0xc3500000_00000000, 0xf4240000_00000000, 0x98968000_00000000, 0xbebc2000_00000000,
        0xee6b2800_00000000, 0x9502f900_00000000, 0xba43b740_00000000, 0xe8d4a510_00000000,
        0x9184e72a_00000000, 0xb5e620f4_80000000, 0xe35fa931_a0000000, 0x8e1bc9bf_04000000,
        0xb1a2bc2e_c5000000, 0xde0b6b3a_76400000, 0x8ac72304_89e80000, 0xad78ebc5_ac620000,
        0xd8d726b7_177a8000, 0x87867832_6eac9000,
    ]

    /// The lower 64 bits of 5^(index - 27).
    static let low: InlineArray<50, UInt64> = [
        0x775ea264_cf55347e, 0x95364afe_032a819e, 0x3a83ddbd_83f52205, 0xc4926a96_72793543,
        0x75b7053c_0f178294, 0x5324c68b_12dd6339, 0xd3f6fc16_ebca5e04, 0x88f4bb1c_a6bcf585,
        0x2b31e9e3_d06c32e6, 0x3aff322e_62439fd0, 0x09befeb9_fad487c3, 0x4c2ebe68_7989a9b4,
        0x0f9d3701_4bf60a11, 0x538484c1_9ef38c95, 0x2865a5f2_06b06fba, 0xf93f87b7_442e45d4,
        0xf78f69a5_1539d749, 0xb573440e_5a884d1c, 0x31680a88_f8953031, 0xfdc20d2b_36ba7c3e,
        0x3d329076_04691b4d, 0xa63f9a49_c2c1b110, 0x0fcf80dc_33721d54, 0xd3c36113_404ea4a9,
        0x645a1cac_083126ea, 0x3d70a3d7_0a3d70a4, 0xcccccccc_cccccccd, 0x00000000_00000000,
        0x00000000_00000000, 0x00000000_00000000, 0x00000000_00000000, 0x00000000_00000000,
        0x00000000_00000000, 0x00000000_00000000, 0x00000000_00000000, 0x00000000_00000000,
        0x00000000_00000000, 0x00000000_00000000, 0x00000000_00000000, 0x00000000_00000000,
        0x00000000_00000000, 0x00000000_00000000, 0x00000000_00000000, 0x00000000_00000000,
        0x00000000_00000000, 0x00000000_00000000, 0x00000000_00000000, 0x00000000_00000000,
        0x00000000_00000000, 0x00000000_00000000,
    ]
}
