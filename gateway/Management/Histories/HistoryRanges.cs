using System.Globalization;
using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;
using Microsoft.AspNetCore.Http;

namespace Granary.Gateway.Management.Histories;

/// <summary>Of which times a query wants to know what figures were: RabbitMQ's <c>lengths_age=600&amp;lengths_incr=5</c>, in seconds. Null: it does not.</summary>
internal sealed record HistoryRanges(HistoryRange? Lengths, HistoryRange? MessageRates, HistoryRange? DataRates, HistoryRange? NodeStats)
{
    /// <summary>RabbitMQ's bound.</summary>
    private const long MostSteps = 500;

    /// <exception cref="ApiException">400: a range that is none, or has too many steps.</exception>
    public static HistoryRanges From(IQueryCollection query, DateTimeOffset now)
    {
        return new HistoryRanges(Range("lengths"), Range("msg_rates"), Range("data_rates"), Range("node_stats"));

        HistoryRange? Range(string prefix) => Number(query, $"{prefix}_age") is { } age && Number(query, $"{prefix}_incr") is { } increment ? Of(age, increment, now) : null;
    }

    private static HistoryRange Of(long age, long increment, DateTimeOffset now)
    {
        if (age <= 0 || increment <= 0 || age / increment > MostSteps)
        {
            throw ApiException.BadRequest(string.Create(CultureInfo.InvariantCulture, $"Invalid range parameters: age {age}, incr {increment}"));
        }

        // At round times, so that what is asked for again and again is of the same ones.
        var newest = now.ToUnixTimeSeconds() / increment * increment;
        var steps = age / increment;
        return new HistoryRange((newest - (steps * increment)) * 1000, increment * 1000, (int)steps + 1);
    }

    private static long? Number(IQueryCollection query, string name) =>
        int.TryParse(query[name].ToString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
}
