using TorchAttention.Numerics.Tables;

namespace TorchAttention.Files;

/// <summary>A file as blocks of rows, each held by columns: a row group of Parquet, a batch of Arrow, some rows of a sheet.</summary>
internal abstract class TableSource : IDisposable
{
    /// <param name="name">What the file is called in messages.</param>
    protected TableSource(string name)
    {
        Name = name;
    }

    /// <summary>What the file is called in messages.</summary>
    public string Name { get; }

    /// <summary>The columns' names.</summary>
    public abstract IReadOnlyList<string> Header { get; }

    /// <summary>The row of the header, as a spreadsheet counts; null where the names are no row.</summary>
    public virtual int? HeaderRow => null;

    /// <summary>How many rows the block has.</summary>
    public abstract int Count { get; }

    /// <summary>How many blocks there are that <see cref="GoTo"/> takes; 0 where blocks only come one after the other.</summary>
    public virtual int Blocks => 0;

    /// <summary>Goes before a block: <see cref="Next"/> gives it, and rows are no longer counted from the first.</summary>
    public virtual void GoTo(int block) => throw new NotSupportedException();

    /// <summary>Goes on to the next block that has rows.</summary>
    /// <returns>Whether there is one.</returns>
    public abstract bool Next();

    /// <summary>How far the file was read, in bytes.</summary>
    public virtual long BytesRead => throw new NotSupportedException();

    /// <summary>The number of one of the block's rows, as messages count them.</summary>
    public abstract long RowAt(int row);

    /// <summary>A column of the block as numbers, and as text where it has some that are none; both are gone with the block.</summary>
    /// <exception cref="TableException">Its type is neither.</exception>
    public abstract Fields Numbers(int place);

    /// <summary>A column of the block as text; null where a value is missing.</summary>
    /// <exception cref="TableException">Its type has none.</exception>
    public abstract string?[] Texts(int place);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>The error for a column of a type that is neither numbers nor text.</summary>
    protected TableException OtherType(int place, string type) => new(TableProblem.Unusable, Name)
    {
        Column = Header[place],
        Expected = "a column of numbers or text",
        Found = $"one of {type}",
    };
}
