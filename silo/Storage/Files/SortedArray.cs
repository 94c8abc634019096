namespace Granary.Silo.Storage.Files;

/// <summary>Items in an array with room at both ends, so that changes cost what is between them and the nearer end. Who uses it knows their order.</summary>
internal sealed class SortedArray<T>
{
    private const int Smallest = 4;
    private const int SmallEnough = 64;

    private T[] _items = [];
    private int _start;

    public int Count { get; private set; }

    public ref T this[int index] => ref _items[_start + index];

    /// <summary>Puts <paramref name="items"/> in the place of <paramref name="count"/> ones from <paramref name="index"/> on.</summary>
    public void Replace(int index, int count, ReadOnlySpan<T> items)
    {
        var growth = items.Length - count;
        var before = index;
        var after = Count - index - count;
        if (before < after && growth <= _start)
        {
            Array.Copy(_items, _start, _items, _start - growth, before);
            _start -= growth;
        }
        else if (_start + Count + growth <= _items.Length)
        {
            Array.Copy(_items, _start + index + count, _items, _start + index + items.Length, after);
        }
        else
        {
            // A quarter more: an index of many batches must not cost twice what it holds.
            var needed = Count + growth;
            var target = needed + needed / 4 <= _items.Length ? _items : new T[Math.Max(Smallest, needed + needed / 4)];
            MoveTo(target, index, count, items.Length);
        }

        Count += growth;
        items.CopyTo(_items.AsSpan(_start + index));
        if (growth < 0)
        {
            Shrink();
        }
    }

    /// <summary>Removes items in one pass.</summary>
    public void RemoveAll(Predicate<T> isUnwanted)
    {
        var kept = 0;
        for (var i = 0; i < Count; i++)
        {
            if (!isUnwanted(this[i]))
            {
                this[kept++] = this[i];
            }
        }

        Count = kept;
        Shrink();
    }

    /// <summary>To the start of an array, which may be the same one, leaving out what is replaced.</summary>
    private void MoveTo(T[] target, int index, int removed, int added)
    {
        Array.Copy(_items, _start, target, 0, index);
        Array.Copy(_items, _start + index + removed, target, index + added, Count - index - removed);
        (_items, _start) = (target, 0);
    }

    private void Shrink()
    {
        if (Count == 0)
        {
            _start = 0;
            _items = _items.Length > SmallEnough ? [] : _items;
        }
        else if (_items.Length > SmallEnough && Count < _items.Length / 4)
        {
            MoveTo(new T[Count + Count / 4], Count, 0, 0);
        }
    }
}
