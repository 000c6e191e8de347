namespace TorchAttention.Numerics.Tables;

/// <summary>What the fields of a column are, and the unit of the numbers that they are read as.</summary>
public enum ColumnKind
{
    /// <summary>Numbers, as they are.</summary>
    Number,

    /// <summary>Dates or times of no said time zone, in days since the beginning of 1970.</summary>
    Date,

    /// <summary>Times with a time zone, in days since the beginning of 1970 in UTC.</summary>
    Instant,

    /// <summary>Durations or times of the day, in hours.</summary>
    Duration,

    /// <summary>Texts, each read as the place of its level: in the order that they first come in, or in one that is given.</summary>
    Category,
}
