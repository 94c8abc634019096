using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Histories;

/// <summary>What the numbers of one thing were, to be put beside what they are.</summary>
internal sealed class History(HistoryRange range, HistoryFigure figure)
{
    /// <summary>The rate, with what one number was, or the sum of several.</summary>
    /// <param name="more">Is added to each sample.</param>
    public Rate Of(Rate? rate, ReadOnlySpan<int> numbers, long more = 0)
    {
        var values = new long[range.Points];
        for (var point = figure.Missing; point < values.Length; point++)
        {
            values[point] = more;
            foreach (var number in numbers)
            {
                values[point] += number < figure.Numbers.Length ? figure.ValueOf(number, point) : 0;
            }
        }

        return (rate ?? default) with { Samples = new Samples(range, figure.IsEmpty ? range.Points : figure.Missing, values) };
    }

    public Rate Of(Rate? rate, NodeNumber number) => Of(rate, [(int)number]);
}
