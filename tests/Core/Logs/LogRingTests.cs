using Granary.Core.Logs;
using Microsoft.Extensions.Logging;

namespace Granary.Core.Tests.Logs;

public sealed class LogRingTests
{
    private readonly LogRing _ring = new();

    [Theory]
    [InlineData(10, 3, 0, "8 9 10")]
    [InlineData(2, 3, 0, "1 2")]
    [InlineData(10, 5, 8, "9 10")]
    [InlineData(10, 5, 10, "")]
    [InlineData(10, 0, 0, "")]
    [InlineData(0, 5, 0, "")]
    [InlineData(LogRing.Capacity + 5, 2, 0, "1004 1005")]
    public void Last_OfSome_AreTheNewestInTheirOrder(int added, int most, long after, string expected)
    {
        Add(added);

        Assert.Equal(expected, string.Join(' ', _ring.Last(most, after).Select(static line => line.Number)));
        Assert.All(_ring.Last(most, after), static line => Assert.Equal($"event {line.Number}", line.Line.Text));
    }

    [Fact]
    public void Last_OfMoreThanThereAre_AreThoseThatAreKept()
    {
        Add(LogRing.Capacity + 7);

        Assert.Equal((LogRing.Capacity, 8L), (_ring.Last(int.MaxValue).Count, _ring.Last(int.MaxValue)[0].Number));
    }

    [Fact]
    public void Add_OfALongLine_KeepsItsBeginning()
    {
        _ring.Add(Line(new string('x', LogRing.LongestText + 1)));

        Assert.Equal(new string('x', LogRing.LongestText) + "…", _ring.Last(1)[0].Line.Text);
    }

    [Theory]
    [InlineData("a\nb\r\nc", "a b c")]
    [InlineData("user 'a\u001b[2Jb\a\0c'", @"user 'a\x1b[2Jb\x07\x00c'")]
    [InlineData("\u007f\u009b2J\tü\u00a0", "\\x7f\\x9b2J\\x09ü\u00a0")]
    [InlineData(@"C:\x1b", @"C:\x1b")]
    [InlineData("Host=db;Username=u;Password=secret;Pooling=true", "Host=db;Username=u;Password=***;Pooling=true")]
    [InlineData("amqp://ann:secret@broker/vhost is out of reach", "amqp://ann:***@broker/vhost is out of reach")]
    [InlineData("http://broker:15672/api", "http://broker:15672/api")]
    public void Line_OfWhatIsNoLineOrASecret_IsOneWithoutIt(string text, string expected) => Assert.Equal(expected, Line(text).Text);

    [Fact]
    public void Line_WithAnException_HasAllOfIt() => Assert.Equal(
        "2026-11-29 10:11:12.013 warn: Granary.Test[7] failed System.IO.IOException: no room",
        LogLine.Of(new DateTime(2026, 11, 29, 10, 11, 12, 13), LogLevel.Warning, "Granary.Test", 7, "failed", new IOException("no room")).ToString());

    [Fact]
    public void Line_WithAnExceptionThatQuotesControlCharacters_HasThemEscaped() => Assert.Equal(
        @"failed System.IO.IOException: no queue 'a\x1b]0;b\x07'",
        LogLine.Of(DateTime.UnixEpoch, LogLevel.Warning, "Granary.Test", 7, "failed", new IOException("no queue 'a\u001b]0;b\a'")).Text);

    private static LogLine Line(string text) => LogLine.Of(DateTime.UnixEpoch, LogLevel.Information, "Granary.Test", 1, text, null);

    private void Add(int count)
    {
        for (var i = 1; i <= count; i++)
        {
            _ring.Add(Line($"event {i}"));
        }
    }
}
