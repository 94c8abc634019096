namespace Granary.Silo.Storage;

/// <summary>The store cannot be used as it is: somebody has to do something first. The message is for the operator.</summary>
internal sealed class StoreException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>The store is out of reach, or has no room, for now. Trying again later is right.</summary>
internal sealed class StoreUnavailableException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>The store has not what it said it had: nothing is written to it any more, and trying again is of no use.</summary>
internal sealed class StoreLostException(string message) : Exception(message);

/// <summary>The store takes nothing of this process any more, and trying again is of no use.</summary>
internal sealed class StoreFencedException(Exception? cause = null) : Exception(
    "PostgreSQL takes nothing of this process any more: the other members of its cluster have declared it dead, and may have what it had. "
    + "Or the database is one from before its start: a backup was restored, or a standby promoted that had not received everything. A restart goes on with what there is.", cause);

/// <summary>Somebody else changed the row meanwhile.</summary>
internal sealed class RowConflictException(RowKey key) : Exception($"Row '{key.Key}' of '{key.Table}' has another version than expected.");
