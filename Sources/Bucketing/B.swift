public enum Bucketing {}
