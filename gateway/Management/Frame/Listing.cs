using System.Globalization;
using System.Text.RegularExpressions;
using System.Text.Json.Serialization.Metadata;
using Granary.Core.Access;
using Microsoft.AspNetCore.Http;

namespace Granary.Gateway.Management.Frame;

/// <summary>What a query wants of a list: a filter by name, an order, a page.</summary>
internal sealed class Listing
{
    private const int StandardPageSize = 100;
    private const int LargestPage = 500;

    private string _name = "";
    private BoundedRegex? _pattern;
    private string[] _sort = [];
    private bool _isReverse;
    private int? _page;
    private int _size = StandardPageSize;

    /// <exception cref="ApiException">400: not a page, or not a pattern.</exception>
    public static Listing From(IQueryCollection query)
    {
        var listing = new Listing
        {
            _name = query["name"].ToString(),
            _sort = query["sort"].ToString() is { Length: > 0 } path ? path.Split('.') : [],
            _isReverse = query["sort_reverse"].ToString() == "true",
            _page = Number(query, "page"),
        };
        if (query["use_regex"].ToString() == "true" && listing._name.Length > 0)
        {
            listing._pattern = Parse(listing._name);
        }

        var size = Number(query, "page_size");
        if (listing._page is { } page && (page < 1 || size is < 1 or > LargestPage))
        {
            throw new ApiException(400, "invalid_pagination_parameters", $"Invalid pagination parameters: page number {page}, page size {size?.ToString(CultureInfo.InvariantCulture) ?? "undefined"}");
        }

        listing._size = size ?? StandardPageSize;
        return listing;
    }

    /// <exception cref="ApiException">400: there is no such page.</exception>
    public ListPage<T> Apply<TSource, T>(IReadOnlyCollection<TSource> items, Func<TSource, T> tell, JsonTypeInfo<T> type, Func<TSource, string> nameOf)
        where T : class
    {
        List<TSource> found = [.. _name.Length == 0 || (_page is null && _pattern is null) ? items : items.Where(item => IsMeant(nameOf(item)))];
        if (_sort.Length == 0)
        {
            if (_isReverse)
            {
                found.Reverse();
            }

            return Cut(found, items.Count).As(tell);
        }

        var told = found.ConvertAll(item => tell(item));
        Sort(told, type);
        return Cut(told, items.Count);
    }

    private ListPage<T> Cut<T>(List<T> found, int total)
    {
        if (_page is not { } page)
        {
            return new ListPage<T>(found, null, 0, total, found.Count, 0);
        }

        // Of an empty list there are none, and the first may be asked for nevertheless.
        var pages = (found.Count + _size - 1) / _size;
        return page > Math.Max(1, pages)
            ? throw new ApiException(400, "page_out_of_range", $"Page out of range, page: {page} page size: {_size}, len: {found.Count}")
            : new ListPage<T>(found.GetRange((page - 1) * _size, Math.Min(_size, found.Count - ((page - 1) * _size))), page, _size, total, found.Count, pages);
    }

    private static int? Number(IQueryCollection query, string name) => query[name].ToString() is not { Length: > 0 } text ? null
        : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
        : throw ApiException.BadRequest("Pagination parameters are invalid");

    private static BoundedRegex Parse(string pattern)
    {
        try
        {
            return new BoundedRegex(pattern, RegexOptions.IgnoreCase);
        }
        catch (ArgumentException exception)
        {
            throw ApiException.BadRequest($"name is not a regular expression: {exception.Message}");
        }
    }

    // A pattern that explodes is refused, not waited for.
    private bool IsMeant(string name) => _pattern is null
        ? name.Contains(_name, StringComparison.OrdinalIgnoreCase)
        : _pattern.IsMatch(name) ?? throw ApiException.BadRequest("name is a regular expression that takes too long");

    private void Sort<T>(List<T> found, JsonTypeInfo<T> type)
        where T : class
    {
        var keyed = found.ConvertAll(item => (Key: ValueAt(item, type, _sort), Item: item));
        var ordered = keyed.OrderBy(pair => pair.Key, FieldOrder.Instance).Select(pair => pair.Item).ToList();
        found.Clear();
        found.AddRange(ordered);
        if (_isReverse)
        {
            found.Reverse();
        }
    }

    // Without serializing anything: ten thousand objects are sorted for a page of a hundred.
    private static object? ValueAt(object item, JsonTypeInfo type, string[] path)
    {
        object? value = item;
        foreach (var name in path)
        {
            if (value is null || type.Kind != JsonTypeInfoKind.Object || type.Properties.FirstOrDefault(property => property.Name == name) is not { Get: { } get } property)
            {
                return value is Rate rate && name == "rate" ? rate.Value : null;
            }

            value = get(value);
            type = type.Options.GetTypeInfo(property.PropertyType);
        }

        return value;
    }

    /// <summary>Numbers by size, texts by their characters, nothing before all.</summary>
    private sealed class FieldOrder : IComparer<object?>
    {
        public static readonly FieldOrder Instance = new();

        public int Compare(object? left, object? right) => (left, right) switch
        {
            (null, null) => 0,
            (null, _) => -1,
            (_, null) => 1,
            (string a, string b) => string.CompareOrdinal(a, b),
            (Rate a, Rate b) => a.Value.CompareTo(b.Value),
            (IConvertible and not string, IConvertible and not string) =>
                Convert.ToDouble(left, CultureInfo.InvariantCulture).CompareTo(Convert.ToDouble(right, CultureInfo.InvariantCulture)),
            _ => string.CompareOrdinal(left.ToString(), right.ToString()),
        };
    }
}
