namespace TorchAttention.Numerics.Tables;

/// <summary>What is wrong with a table.</summary>
public enum TableProblem
{
    /// <summary>There is no such file.</summary>
    NoFile,

    /// <summary>It is a directory.</summary>
    Directory,

    /// <summary>The system does not let it be read.</summary>
    Unreadable,

    /// <summary>It has no header, or no rows that can be used.</summary>
    Empty,

    /// <summary>It has fewer rows than are needed.</summary>
    TooFewRows,

    /// <summary>Its first row has numbers where names are expected.</summary>
    NoHeader,

    /// <summary>It is not UTF-8 text.</summary>
    NotText,

    /// <summary>A row or a field is longer than any table's.</summary>
    TooLong,

    /// <summary>A quotation mark stands where none may.</summary>
    StrayQuotation,

    /// <summary>A quotation is opened and never closed.</summary>
    OpenQuotation,

    /// <summary>A row has more or fewer fields than the header.</summary>
    Ragged,

    /// <summary>Fields end where numbers have their decimal comma.</summary>
    CommaTwice,

    /// <summary>The header does not have a column.</summary>
    NoColumn,

    /// <summary>The header has a column more than once.</summary>
    ColumnTwice,

    /// <summary>A field is text where a number is expected.</summary>
    NotANumber,

    /// <summary>A number is infinite or larger than float64 can hold.</summary>
    NotFinite,

    /// <summary>A number is negative where none may be.</summary>
    Negative,

    /// <summary>A field is empty or says that its value is missing.</summary>
    Missing,

    /// <summary>A column has more classes than a model can have.</summary>
    TooManyClasses,

    /// <summary>The numbers are in order one by one, and together no model or rule can use them.</summary>
    Unusable,

    /// <summary>It is no file of the format that its ending names, or a part of it is lost.</summary>
    Damaged,

    /// <summary>A field is a name that is none of those expected.</summary>
    UnknownName,
}
