using System.Globalization;
using System.Text;
using CsCheck;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Tables;

public sealed class PlainTextTests
{
    [Theory]
    [InlineData("plain [31m text~", "plain [31m text~")]
    [InlineData("größer, 温度, 😀, ❤️, e\u0301", "größer, 温度, 😀, ❤️, e\u0301")]
    [InlineData("a\x1b]0;p\x07\x1b[31m", @"a\u001b]0;p\u0007\u001b[31m")]
    [InlineData("a\nb\r\tc\0", @"a\nb\r\tc\u0000")]
    [InlineData("\u009b31m\u0085\u007f", @"\u009b31m\u0085\u007f")]
    [InlineData("\u202eabc\u2066\u2069\u200f", @"\u202eabc\u2066\u2069\u200f")]
    [InlineData("a\u200b\u200d\ufeff\u00ad\u2060\u115f\u3164\u034fb", @"a\u200b\u200d\ufeff\u00ad\u2060\u115f\u3164\u034fb")]
    [InlineData("a\u2028b\u2029", @"a\u2028b\u2029")]
    [InlineData("tag\U000e0041\U000e007f", @"tag\U000e0041\U000e007f")]
    public void Text_IsWrittenOutWhereItWouldNotBeSeen(string text, string plain) => Assert.Equal(plain, PlainText.Escape(text));

    [Fact]
    public void HalvesOfPairs_AreWrittenOut()
    {
        Assert.Equal(@"\ud800", PlainText.Escape("\ud800"));
        Assert.Equal(@"a\udc00b\ud83d", PlainText.Escape("a\udc00b\ud83d"));
        Assert.Equal(@"\ude00\ud83d", PlainText.Escape("\ude00\ud83d"));
    }

    [Fact]
    public void Lines_StayWhereTheyMay() => Assert.Equal("a\n\tb\\r\\u001b\n", PlainText.OfLines("a\n\tb\r\u001b\n"));

    [Fact]
    public void Brief_CutsBetweenLetters()
    {
        Assert.Equal("12345", PlainText.Brief("12345", 5));
        Assert.Equal("12345…", PlainText.Brief("123456", 5));
        Assert.Equal("1234…", PlainText.Brief("1234😀6", 5));
        Assert.Equal(41, PlainText.Brief(new string('x', 1 << 20)).Length);
    }

    [Fact]
    public void List_NamesTheFirstOfMany()
    {
        Assert.Equal(@"'a', '\u001b'", PlainText.List(["a", "\u001b"], "'"));
        Assert.Equal(
            "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 988 more",
            PlainText.List([.. Enumerable.Range(0, 1000).Select(i => i.ToString(CultureInfo.InvariantCulture))]));
    }

    [Theory]
    [InlineData("time", "times")]
    [InlineData("TIMES", "times")]
    [InlineData("itmes", "times")]
    [InlineData("--kernell", "--kernel")]
    [InlineData("k", null)]
    [InlineData("nothing", null)]
    [InlineData("", null)]
    public void DidYouMean_NamesWhatIsNear(string name, string? expected) => Assert.Equal(
        expected is null ? "" : $" (did you mean '{expected}'?)",
        PlainText.DidYouMean(name, ["x", "times", "--kernel", new string('n', 200)]));

    [Fact]
    public void AnyText_IsOneLineThatATerminalDoesNotObey() => Gen.Int[0, 0xffff].Select(c => (char)c).Array[0, 30].Sample(letters =>
    {
        string plain = PlainText.Escape(new string(letters));
        Assert.All(plain.EnumerateRunes(), rune => Assert.True(
            Rune.GetUnicodeCategory(rune) is not (
                UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)));
        Assert.Equal(plain, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(plain)));
        Assert.Equal(plain, PlainText.Escape(plain));
    });
}
