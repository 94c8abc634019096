using System.Text.Json;
using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Histories;

namespace Granary.Gateway.Tests.Management;

public sealed class SamplesTests
{
    private static readonly HistoryRange Range = new(10_000, 5_000, 4);

    [Fact]
    public void Rate_WithSamples_TellsThemNewestFirstWithTheirAverages() => Assert.Equal(
        """{"rate":2.5,"samples":[{"sample":40,"timestamp":25000},{"sample":20,"timestamp":20000},{"sample":0,"timestamp":15000}],"avg_rate":4.0,"avg":20.0}""",
        JsonSerializer.Serialize(new Rate(2.5, new Samples(Range, 1, [99, 0, 20, 40]))));

    [Fact]
    public void Rate_WithOneSample_HasNoAverage() => Assert.Equal(
        """{"rate":0.0,"samples":[{"sample":40,"timestamp":25000}]}""", JsonSerializer.Serialize(new Rate(0, new Samples(Range, 3, [0, 0, 0, 40]))));

    [Fact]
    public void History_OfSeveralNumbers_IsTheirSum()
    {
        var history = new History(Range, new HistoryFigure("q", 2, [[0, 0, 1, 2], [30], [0, 0, 500, 600]]));
        Assert.Equal([32L, 33L], history.Of(null, [0, 1], more: 1).Samples!.Values[2..]);
        Assert.Equal(4, new History(Range, new HistoryFigure("q", 0, [])).Of(null, [0]).Samples!.Missing);
    }
}
