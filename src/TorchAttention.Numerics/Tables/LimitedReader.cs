namespace TorchAttention.Numerics.Tables;

/// <summary>Text whose rows have a limit: the parser would keep a row of any length in memory.</summary>
internal sealed class LimitedReader(TextReader inner, long most) : TextReader
{
    private long _sinceRecord;

    public void BeginRecord() => _sinceRecord = 0;

    public override int Read(char[] buffer, int index, int count)
    {
        int read = inner.Read(buffer, index, count);
        _sinceRecord += read;
        return _sinceRecord <= most ? read : throw new RecordTooLongException();
    }

    public override int Read() => inner.Read();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    public sealed class RecordTooLongException : Exception;
}
