namespace TorchAttention.Numerics.Tables;

/// <summary>What a date with slashes begins with.</summary>
public enum DateOrder
{
    /// <summary>The year: 2026/11/26. One that begins otherwise is an error.</summary>
    YearFirst,

    /// <summary>The day: 26/11/2026; also the year.</summary>
    DayFirst,

    /// <summary>The month: 11/26/2026; also the year.</summary>
    MonthFirst,
}
