using System.IO.Compression;

namespace TorchAttention.Files;

/// <summary>The parts of an Excel workbook (Office Open XML) that its first visible sheet needs.</summary>
internal sealed class Workbook : IDisposable
{
    private readonly ZipArchive _archive;
    private readonly string _sheet;
    private readonly string? _texts;
    private string[]? _shared;

    /// <param name="stream">The file, which is closed with this.</param>
    public Workbook(Stream stream)
    {
        _archive = new ZipArchive(stream, ZipArchiveMode.Read);
        string book = Related("", "officeDocument").Values.FirstOrDefault("xl/workbook.xml");
        Dictionary<string, string> sheets = Related(book, "worksheet");
        _texts = Related(book, "sharedStrings").Values.FirstOrDefault();
        string? styles = Related(book, "styles").Values.FirstOrDefault();
        string? first = null;
        using (Markup part = Read(book))
        {
            while (part.Read())
            {
                switch (part.Kind == MarkupKind.Element ? part.Name : "")
                {
                    case "workbookPr":
                        StartsIn1904 = part.Attribute("date1904") is "1" or "true";
                        break;
                    case "sheet" when first is null && part.Attribute("state") is null or "visible":
                        first = sheets.GetValueOrDefault(part.Attribute("id", isQualified: true) ?? "");
                        break;
                }
            }
        }

        _sheet = first ?? throw new InvalidDataException("no sheet to be seen");
        Styles = styles is null ? new CellStyles() : new CellStyles(Read(styles));
    }

    /// <summary>Whether dates are counted from 1904 on, as on old Macs.</summary>
    public bool StartsIn1904 { get; }

    /// <summary>Which styles show a number as a date.</summary>
    public CellStyles Styles { get; }

    /// <summary>The texts that cells share, read where the first cell asks for one.</summary>
    public string[] Shared => _shared ??= _texts is null ? [] : ReadShared();

    /// <summary>The sheet's XML, which the caller disposes.</summary>
    public Markup ReadSheet() => Read(_sheet);

    public void Dispose() => _archive.Dispose();

    /// <summary>The text of an element that has just begun: its runs after one another, without those that say how it is spoken.</summary>
    public static string Runs(Markup part) => part.Content("t", "rPh");

    private string[] ReadShared()
    {
        var texts = new List<string>();
        using Markup part = Read(_texts!);
        while (part.Read())
        {
            if (part is { Kind: MarkupKind.Element, Name: "si" })
            {
                texts.Add(Runs(part));
            }
        }

        return [.. texts];
    }

    // The files that a part refers to for a purpose, by the names it has for them.
    private Dictionary<string, string> Related(string part, string purpose)
    {
        int end = part.LastIndexOf('/') + 1;
        string folder = part[..end];
        Dictionary<string, string> related = [];
        if (_archive.GetEntry($"{folder}_rels/{part[end..]}.rels") is null)
        {
            return related;
        }

        using Markup relations = Read($"{folder}_rels/{part[end..]}.rels");
        while (relations.Read())
        {
            bool isMeant = relations is { Kind: MarkupKind.Element, Name: "Relationship" }
                && relations.Attribute("Type")?.EndsWith($"/{purpose}", StringComparison.Ordinal) == true;
            if (isMeant && relations.Attribute("Target") is string target)
            {
                related[relations.Attribute("Id") ?? ""] = target.StartsWith('/') ? target[1..] : folder + target;
            }
        }

        return related;
    }

    private Markup Read(string part) =>
        new((_archive.GetEntry(part) ?? throw new InvalidDataException($"no part {part}")).Open());
}
