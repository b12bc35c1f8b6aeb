//! Panes: a view made from the model, a drawing made from the view.
